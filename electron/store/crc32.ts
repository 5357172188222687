/** CRC-32 (IEEE 802.3, as in gzip), 8 lower-case hexadecimal digits. Node has one only from version 22. */
const table = new Uint32Array(256).map((_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32Hex(bytes: Uint8Array): string {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
  return ((crc ^ 0xffff_ffff) >>> 0).toString(16).padStart(8, '0');
}
