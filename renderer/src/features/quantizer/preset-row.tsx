import { hasPreset, type LayerConfig, presets, presetText } from '../../host/contract.js';
import { setPreset } from '../../host/index.js';
import { Tooltip } from '../../ui/index.js';

/** Named mixes of bits and more, one click each. */
export function PresetRow({ configs }: { configs: readonly LayerConfig[] }) {
  return (
    <fieldset className="flex gap-[3px]">
      <legend className="sr-only">Presets</legend>
      {presets.map((preset) => {
        const chosen = configs.length > 0 && configs.every((config) => hasPreset(preset, config));
        return (
          <Tooltip key={preset.id} content={presetText(preset)}>
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
