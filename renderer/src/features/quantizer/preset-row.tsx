import { bitsLabel, type LayerConfig, presets } from '../../host/contract.js';
import { setPreset } from '../../host/index.js';
import { Tooltip } from '../../ui/index.js';
import { commonValue } from './common-value.js';

const bitsText = (bits: number) => (bits === 32 ? 'float' : `${bits}-bit`);

/** Named pairs of weight and activation bits, one click each. */
export function PresetRow({ configs }: { configs: readonly LayerConfig[] }) {
  const label = commonValue(configs, bitsLabel);
  return (
    <fieldset className="flex gap-[3px]">
      <legend className="sr-only">Presets</legend>
      {presets.map((preset) => {
        const chosen = label === preset.label || (label === 'float' && preset.id === 'float');
        return (
          <Tooltip
            key={preset.id}
            content={`Weights ${bitsText(preset.wBit)}, activations ${bitsText(preset.aBit)}`}
          >
            <button
              type="button"
              aria-pressed={chosen}
              data-bits={preset.wBit}
              onClick={() => setPreset(preset)}
              className={`h-6 flex-auto rounded-md border px-0.5 font-mono text-[10.5px] tracking-tight ${
                chosen
                  ? 'bits-chip border-transparent font-semibold'
                  : 'border-line text-ink2 hover:border-edge hover:text-ink'
              }`}
            >
              {preset.label}
            </button>
          </Tooltip>
        );
      })}
    </fieldset>
  );
}
