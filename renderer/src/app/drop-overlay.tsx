import { FileDown } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { notify } from '../host/index.js';
import { openDropped } from './dropped.js';

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

/** Takes files dropped anywhere on the window, and says so while they hover. */
export function DropOverlay() {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  useEffect(() => {
    const onEnter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth.current += 1;
      setOver(true);
    };
    const onOver = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault();
    };
    const onLeave = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth.current = Math.max(0, depth.current - 1);
      if (depth.current === 0) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      depth.current = 0;
      setOver(false);
      if (!event.dataTransfer) return;
      openDropped(event.dataTransfer).catch((thrown: unknown) => notify(thrown, 'opening what was dropped'));
    };
    window.addEventListener('dragenter', onEnter);
    window.addEventListener('dragover', onOver);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragenter', onEnter);
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('drop', onDrop);
    };
  }, []);
  if (!over) return null;
  return (
    <div className="pointer-events-none fixed inset-0 z-50 bg-overlay p-6">
      <div className="flex h-full flex-col items-center justify-center gap-3 rounded-lg border-2 border-dashed border-accent">
        <FileDown aria-hidden className="size-9 stroke-[1.3] text-accent" />
        <p className="rounded-md bg-bg1 px-3 py-1 text-lg">
          Drop a .safetensors file, a project folder or an IDX folder
        </p>
      </div>
    </div>
  );
}
