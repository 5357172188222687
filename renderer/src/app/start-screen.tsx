import { Box, FolderOpen, Layers, Sparkles } from 'lucide-react';
import type { ReactNode } from 'react';
import type { RecentEntry } from '../host/contract.js';
import { clearRecent, openFolder, openModel, openSample, useProject } from '../host/index.js';
import { Button, formatTime, Kbd } from '../ui/index.js';
import { TopBar } from './top-bar.js';

interface StartCardProps {
  icon: ReactNode;
  title: string;
  text: string;
  shortcut?: string;
  primary?: boolean;
  onClick(): void;
}

function StartCard({ icon, title, text, shortcut, primary, onClick }: StartCardProps) {
  return (
    <button
      type="button"
      onClick={onClick}
      className={`flex items-start gap-3 rounded-lg border bg-bg1 p-3.5 text-left hover:border-accent ${primary ? 'border-accent/60' : 'border-line'}`}
    >
      <span className={`mt-0.5 [&_svg]:size-5 [&_svg]:stroke-[1.5] ${primary ? 'text-accent' : 'text-ink3'}`}>
        {icon}
      </span>
      <span className="min-w-0 flex-1">
        <span className="flex items-center gap-2 font-semibold">
          <span className="flex-1">{title}</span>
          {shortcut ? <Kbd binding={shortcut} /> : null}
        </span>
        <span className="mt-0.5 block text-sm text-ink2">{text}</span>
      </span>
    </button>
  );
}

function RecentRow({ entry }: { entry: RecentEntry }) {
  const open = () => void (entry.kind === 'model' ? openModel(entry.path) : openFolder(entry.path));
  return (
    <li>
      <button
        type="button"
        disabled={entry.missing}
        onClick={open}
        className="flex w-full items-center gap-3 rounded-md px-2.5 py-1.5 text-left enabled:hover:bg-bg3 disabled:text-ink3"
      >
        {entry.kind === 'model' ? (
          <Box aria-hidden className="size-4 shrink-0 text-ink3" />
        ) : (
          <Layers aria-hidden className="size-4 shrink-0 text-ink3" />
        )}
        <span className="min-w-0 flex-1">
          <span className={`block truncate ${entry.missing ? 'line-through' : ''}`}>{entry.name}</span>
          <span className="block truncate text-xs text-ink3">{entry.path}</span>
        </span>
        <span className="figure shrink-0 text-ink3">
          {entry.missing ? 'missing' : formatTime(entry.openedAt)}
        </span>
      </button>
    </li>
  );
}

/** What the window shows before anything is open. */
export function StartScreen() {
  const recent = useProject((state) => state.recent);
  return (
    <div className="flex h-full flex-col">
      <TopBar />
      <main data-panel="views" className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto flex max-w-[620px] flex-col gap-6 px-6 pt-[11vh] pb-10">
          <div>
            <h2 className="text-[22px] leading-8 font-[650]">Quantize, train, see, prove.</h2>
            <p className="mt-1 text-ink2">
              Open real weights, choose bits and a quantizer per layer, train the n-bit network, compare what
              each bit costs, and export packed weights that are proven equal to what was trained.
            </p>
          </div>
          <div className="grid grid-cols-1 gap-2.5">
            <StartCard
              primary
              icon={<Sparkles />}
              title="Open the sample project"
              text="A small image classifier with its training data, ready to quantize, train and export."
              onClick={() => void openSample()}
            />
            <StartCard
              icon={<Box />}
              title="Open a model…"
              text="A .safetensors file. Any weights can be analysed, quantized and exported."
              shortcut="$mod+O"
              onClick={() => void openModel(null)}
            />
            <StartCard
              icon={<FolderOpen />}
              title="Open a project…"
              text="A project folder of this workbench, with its runs and exports."
              shortcut="$mod+Shift+O"
              onClick={() => void openFolder(null)}
            />
          </div>
          {recent.length > 0 ? (
            <section>
              <header className="mb-1 flex items-center">
                <h3 className="flex-1 text-sm font-semibold text-ink2">Recent</h3>
                <Button size="sm" variant="ghost" onClick={() => void clearRecent()}>
                  Clear
                </Button>
              </header>
              <ul className="-mx-2.5">
                {recent.map((entry) => (
                  <RecentRow key={entry.path} entry={entry} />
                ))}
              </ul>
            </section>
          ) : (
            <p className="text-sm text-ink3">Files can also be dropped anywhere on this window.</p>
          )}
        </div>
      </main>
    </div>
  );
}
