import { clsx } from 'clsx';
import { type MouseEvent, memo } from 'react';
import type { LayerConfig, LayerInfo, LayerState } from '../../host/contract.js';
import { BitsChip, CutText, formatShape, StateDot, type Tone } from '../../ui/index.js';
import { thumbnailPath, useThumbnails } from './thumbnails.js';

export const rowHeight = 48;
const thumbnailWidth = 58;
const thumbnailHeight = 20;

const stateTones: Record<LayerState, Tone> = { float: 'idle', prepared: 'warn', quantized: 'ok' };
const stateNames: Record<LayerState, string> = {
  float: 'as loaded',
  prepared: 'prepared: scales are set',
  quantized: 'quantized: packed weight made',
};

function Thumbnail({ layer }: { layer: string }) {
  const counts = useThumbnails((state) => state.counts[layer]);
  if (!counts) return null;
  if (counts.length === 0) return <span className="h-px w-[58px] bg-line" />;
  return (
    <svg aria-hidden width={thumbnailWidth} height={thumbnailHeight} className="overflow-visible">
      <path d={thumbnailPath(counts, thumbnailWidth, thumbnailHeight)} fill="var(--f)" opacity="0.6" />
    </svg>
  );
}

/** In a narrow list without the start that most names share, and cut in the middle. */
function LayerName({ name, sharedStart }: { name: string; sharedStart: string }) {
  if (sharedStart === '' || !name.startsWith(sharedStart)) return <CutText text={name} title={null} />;
  return (
    <>
      <span className="hidden @min-[24rem]/list:contents">
        <CutText text={name} title={null} />
      </span>
      <span className="contents @min-[24rem]/list:hidden">
        <CutText text={`…${name.slice(sharedStart.length)}`} title={null} />
      </span>
    </>
  );
}

const bitsWord = (prefix: string, bits: number) => (bits === 32 ? `${prefix} fp` : `${prefix}${bits}`);

export interface LayerRowProps {
  id: string;
  layer: LayerInfo;
  config: LayerConfig | undefined;
  /** What most names begin with. */
  sharedStart: string;
  selected: boolean;
  active: boolean;
  position: number;
  count: number;
  top: number;
  /** Must not change between renderings: a long list redraws only the rows that changed. */
  onClick(layer: string, event: MouseEvent): void;
  onContextMenu(layer: string): void;
}

/** Begins with the words that are seen, in their order: people who speak to the computer say those. */
function describe(layer: LayerInfo, config: LayerConfig | undefined): string {
  const parts = [layer.name, formatShape(layer.shape)];
  if (config) {
    const { weight, activation } = config;
    parts.push(`${weight.bits === 32 ? 'float' : `W${weight.bits}`} ${bitsWord('A', activation.bits)}`);
    parts.push(`weights ${weight.bits} bit`, `activations ${activation.bits} bit`);
  }
  parts.push(stateNames[layer.state]);
  return parts.join(', ');
}

/** Memoized by hand: the compiler leaves the list, which has a virtualizer, as it is. */
export const LayerRow = memo(function LayerRow(props: LayerRowProps) {
  const { id, layer, config, sharedStart, selected, active, position, count, top, onClick, onContextMenu } =
    props;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the focus and handles the keys
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={selected}
      aria-label={describe(layer, config)}
      aria-posinset={position}
      aria-setsize={count}
      title={layer.name}
      data-layer={layer.name}
      onClick={(event) => onClick(layer.name, event)}
      onContextMenu={() => onContextMenu(layer.name)}
      style={{ transform: `translateY(${top}px)`, height: rowHeight }}
      className={clsx(
        'absolute inset-x-0 grid grid-cols-[8px_minmax(0,1fr)_38px] items-center gap-2.5 border-l-2 pr-3 pl-3',
        selected ? 'bg-bg3' : 'hover:bg-bg2',
        active && selected ? 'border-accent' : 'border-transparent',
        active && 'group-focus-visible/list:shadow-[inset_0_0_0_1px_var(--accent)]',
      )}
    >
      <StateDot tone={stateTones[layer.state]} label={stateNames[layer.state]} />
      <span className="flex min-w-0 flex-col leading-[18px]">
        <LayerName name={layer.name} sharedStart={sharedStart} />{' '}
        <span className="flex h-5 items-end justify-between gap-2">
          <span className="figure truncate text-ink3">{formatShape(layer.shape)}</span>{' '}
          <Thumbnail layer={layer.name} />
        </span>
      </span>
      {config ? (
        <span className="flex flex-col items-stretch gap-px">
          <BitsChip bits={config.weight.bits} className="!px-0" />{' '}
          <span className="text-center font-mono text-[10.5px] leading-[13px] text-ink3">
            {bitsWord('A', config.activation.bits)}
          </span>
        </span>
      ) : null}
    </div>
  );
});
