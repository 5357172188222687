import { copyText, isaName, useAppInfo } from '../host/index.js';
import { Button, Dialog, KeyValue } from '../ui/index.js';
import { closeDialog, useDialogs } from './dialogs-store.js';

export function AboutDialog() {
  const open = useDialogs((state) => state.open === 'about');
  const info = useAppInfo((state) => state.info);
  const facts = info
    ? [
        { key: 'Version', value: info.version },
        { key: 'Device', value: info.backend.device },
        { key: 'Kernels', value: isaName(info.backend.isa) },
        { key: 'Threads', value: String(info.backend.threads) },
        { key: 'Electron', value: info.electron },
        { key: 'Chromium', value: info.chromium },
        { key: 'Node', value: info.node },
        { key: 'Platform', value: info.platform },
      ]
    : [];
  const text = facts.map(({ key, value }) => `${key}: ${value}`).join('\n');
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && closeDialog()}
      title="About QAT Workbench"
      description="A desktop laboratory for quantization-aware training: set bit-widths, train, see, compare and export n-bit layers. Apache License 2.0."
      className="w-[min(420px,92vw)]"
      footer={
        <Button blocked={info ? null : 'The facts are not here yet'} onClick={() => void copyText(text)}>
          Copy for a report
        </Button>
      }
    >
      <KeyValue items={facts} />
    </Dialog>
  );
}
