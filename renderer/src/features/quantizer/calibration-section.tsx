import type { Calibration, Distribution } from '../../host/contract.js';
import { chooseInputs, setCalibration, useCalibration, useProject } from '../../host/index.js';
import { Button, Field, formatCount, NumberField, Select } from '../../ui/index.js';
import { Section } from './section.js';

const kinds: { value: Calibration['kind']; label: string; hint: string }[] = [
  { value: 'captured', label: 'captured', hint: 'from the first images of the data set' },
  { value: 'file', label: 'file', hint: '.npy or .safetensors, one row per sample' },
  { value: 'drawn', label: 'drawn', hint: 'at random, from a distribution' },
];
const distributions: { value: Distribution['kind']; label: string; hint: string }[] = [
  { value: 'normal', label: 'normal', hint: 'mean and deviation' },
  { value: 'uniform', label: 'uniform', hint: 'between two values' },
];
const bound = 1e6;

const fileName = (path: string | null) => path?.split(/[\\/]/).pop() ?? null;

/** The inputs of a layer that its rounding and *Train layer* look at. */
export function CalibrationSection() {
  const { kind, captured, drawn, path } = useCalibration();
  const dataset = useProject((state) => state.project?.dataset ?? null);
  const reason = useProject((state) => state.project?.trainingReason ?? null);
  const summaries = {
    captured: `captured · ${formatCount(captured.images)}`,
    file: fileName(path) ?? 'file',
    drawn: `${drawn.distribution.kind} · ${formatCount(drawn.samples)} samples`,
  };
  return (
    <Section title="Calibration inputs" summary={summaries[kind]}>
      <div className="grid grid-cols-2 gap-2">
        <Field label="Inputs">
          <Select
            label="Inputs"
            value={kind}
            options={kinds}
            onChange={(next) => setCalibration({ kind: next })}
          />
        </Field>
        {kind === 'captured' ? (
          <Field label="Images">
            <NumberField
              label="Images"
              value={captured.images}
              min={1}
              max={1_000_000}
              integer
              step="scale"
              onChange={(images) => setCalibration({ captured: { ...captured, images } })}
            />
          </Field>
        ) : null}
        {kind === 'drawn' ? <DrawnFields /> : null}
        {kind === 'file' ? (
          <Field label="File">
            <Button size="sm" className="w-full" onClick={() => void chooseInputs()}>
              {path === null ? 'Choose…' : 'Another…'}
            </Button>
          </Field>
        ) : null}
      </div>
      {kind === 'file' && path !== null ? (
        <p className="figure truncate text-ink3" title={path}>
          {fileName(path)}
        </p>
      ) : null}
      {kind === 'captured' && !dataset ? (
        <p className="text-xs text-ink3">{reason ?? 'There is no data set.'} Choose a file, or draw them.</p>
      ) : null}
    </Section>
  );
}

function DrawnFields() {
  const drawn = useCalibration((state) => state.drawn);
  const { distribution } = drawn;
  const change = (next: Partial<typeof drawn>) => setCalibration({ drawn: { ...drawn, ...next } });
  return (
    <>
      <Field label="Distribution">
        <Select
          label="Distribution"
          value={distribution.kind}
          options={distributions}
          onChange={(kind) =>
            change({
              distribution: kind === 'normal' ? { kind, mean: 0, std: 1 } : { kind, min: 0, max: 1 },
            })
          }
        />
      </Field>
      {distribution.kind === 'normal' ? (
        <>
          <Bounded
            label="Mean"
            value={distribution.mean}
            onChange={(mean) => change({ distribution: { ...distribution, mean } })}
          />
          <Bounded
            label="Deviation"
            min={1e-6}
            value={distribution.std}
            onChange={(std) => change({ distribution: { ...distribution, std } })}
          />
        </>
      ) : (
        <>
          <Bounded
            label="From"
            max={distribution.max - 1e-6}
            value={distribution.min}
            onChange={(min) => change({ distribution: { ...distribution, min } })}
          />
          <Bounded
            label="To"
            min={distribution.min + 1e-6}
            value={distribution.max}
            onChange={(max) => change({ distribution: { ...distribution, max } })}
          />
        </>
      )}
      <Field label="Samples">
        <NumberField
          label="Samples"
          value={drawn.samples}
          min={1}
          max={1_000_000}
          integer
          step="scale"
          onChange={(samples) => change({ samples })}
        />
      </Field>
      <Field label="Seed">
        <NumberField
          label="Seed of the inputs"
          value={drawn.seed}
          min={0}
          max={0xffff_ffff}
          integer
          onChange={(seed) => change({ seed })}
        />
      </Field>
    </>
  );
}

interface BoundedProps {
  label: string;
  value: number;
  min?: number;
  max?: number;
  onChange(value: number): void;
}

function Bounded({ label, value, min = -bound, max = bound, onChange }: BoundedProps) {
  return (
    <Field label={label}>
      <NumberField label={label} value={value} min={min} max={max} step={0.1} onChange={onChange} />
    </Field>
  );
}
