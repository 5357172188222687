import { AllocateDialog, TransformDialog } from '../features/transforms/index.js';
import { useProject } from '../host/index.js';
import { closeDialog, useDialogs } from './dialogs-store.js';

/** What the Model menu opens. A dialog begins anew with each project. */
export function ModelDialogs() {
  const open = useDialogs((state) => state.open);
  const project = useProject((state) => state.project?.id);
  if (project === undefined) return null;
  return (
    <>
      <TransformDialog key={`transform ${project}`} open={open === 'transform'} onClose={closeDialog} />
      <AllocateDialog key={`allocate ${project}`} open={open === 'allocate'} onClose={closeDialog} />
    </>
  );
}
