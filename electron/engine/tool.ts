/** How this program names itself in the files it writes. */
export const tool = { name: 'QAT Workbench', version: '0.1.0' } as const;
