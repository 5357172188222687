import {
  type Calibration,
  type Distribution,
  drawnFor,
  inputWidth,
  type LayerInfo,
} from '../../host/contract.js';
import { chooseInputs, setCalibration, useCalibration, useInputsKind } from '../../host/index.js';
import { Button, Field, formatCount, NumberField, plural, Select, Warning } from '../../ui/index.js';
import { Section } from './section.js';

const kinds: { value: Calibration['kind']; label: string; hint: string }[] = [
  { value: 'captured', label: 'captured', hint: 'from the first images of the data set' },
  { value: 'file', label: 'file', hint: '.npy or .safetensors, one row per sample' },
  { value: 'drawn', label: 'drawn', hint: 'at random, from a distribution' },
];
const distributions: { value: Distribution['kind']; label: string; hint: string }[] = [
  { value: 'auto', label: 'automatic', hint: 'half-normal where nothing below zero arrives, else normal' },
  { value: 'normal', label: 'normal', hint: 'mean and deviation' },
  { value: 'halfNormal', label: 'half-normal', hint: 'never negative, as behind a ReLU' },
  { value: 'uniform', label: 'uniform', hint: 'between two values' },
];
const distributionName = (kind: Distribution['kind']) =>
  distributions.find(({ value }) => value === kind)?.label ?? kind;
const newDistribution: Record<Distribution['kind'], Distribution> = {
  auto: { kind: 'auto' },
  normal: { kind: 'normal', mean: 0, std: 1 },
  halfNormal: { kind: 'halfNormal', std: 1 },
  uniform: { kind: 'uniform', min: 0, max: 1 },
};
const bound = 1e6;

const fileName = (path: string) => path.split(/[\\/]/).pop() ?? path;

/** The inputs of a layer that its rounding and *Train layer* look at. */
export function CalibrationSection({ layers }: { layers: readonly LayerInfo[] }) {
  const { captured, drawn, file } = useCalibration();
  const { kind, block } = useInputsKind();
  const summaries = {
    captured: `captured · ${formatCount(captured.images)}`,
    file: file ? fileName(file.path) : 'file',
    drawn: `${distributionName(drawn.distribution.kind)} · ${formatCount(drawn.samples)} samples`,
  };
  const options = kinds.map((option) =>
    option.value === 'captured' && block ? { ...option, blocked: block.reason } : option,
  );
  const choose = () => void chooseInputs(layers.map(({ name }) => name));
  return (
    <Section title="Calibration inputs" summary={summaries[kind]}>
      <div className="grid grid-cols-2 gap-2">
        <Field label="Inputs">
          <Select
            label="Inputs"
            value={kind}
            options={options}
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
            <Button size="sm" className="w-full" onClick={choose}>
              {file ? 'Another…' : 'Choose…'}
            </Button>
          </Field>
        ) : null}
      </div>
      {kind === 'captured' ? (
        <p className="text-xs text-ink3">
          What reaches the layer in the float network: the same whatever the other layers are set to.
        </p>
      ) : null}
      {kind === 'drawn' ? <DrawnNote layers={layers} /> : null}
      {kind === 'file' ? <FileNote layers={layers} /> : null}
      {kind !== 'captured' && block ? (
        <p className="text-xs text-ink3">
          Nothing can be captured here. {block.reason} {kind === 'drawn' ? block.remedy : ''}
        </p>
      ) : null}
    </Section>
  );
}

/** What *automatic* draws for the selected layers, and why. */
function reasonOf(layers: readonly LayerInfo[]): string {
  const [first] = layers;
  if (!first) return '';
  const halves = layers.filter(({ input }) => input.nonNegative).length;
  if (halves > 0 && halves < layers.length) {
    const rest = plural(layers.length - halves, 'other');
    return `Half-normal for ${plural(halves, 'layer')} that nothing below zero reaches, normal for ${rest}.`;
  }
  const who = layers.length === 1 ? first.name : 'these layers';
  if (drawnFor(first.input.nonNegative).kind === 'halfNormal') {
    return `Half-normal: by the network graph nothing below zero reaches ${who}.`;
  }
  return layers.every(({ trainable }) => trainable)
    ? `Normal around 0: values of both signs can reach ${who}.`
    : `Normal around 0: no graph says what reaches ${who}. Behind a ReLU choose half-normal.`;
}

function DrawnNote({ layers }: { layers: readonly LayerInfo[] }) {
  const distribution = useCalibration((state) => state.drawn.distribution);
  return (
    <>
      {distribution.kind === 'auto' ? <p className="text-xs text-ink3">{reasonOf(layers)}</p> : null}
      <p className="text-xs text-ink3">
        Each value is drawn by itself; those of a network depend on one another. Captured inputs or a file of
        them are better.
      </p>
    </>
  );
}

/** What the chosen file holds, and whether that fits the layers selected now. */
function FileNote({ layers }: { layers: readonly LayerInfo[] }) {
  const file = useCalibration((state) => state.file);
  if (!file) return null;
  const misfit = layers.find((layer) => inputWidth(layer) !== file.width);
  const widest = Math.max(...layers.map(({ cols }) => cols));
  return (
    <>
      <p className="figure truncate text-ink3" title={file.path}>
        {fileName(file.path)} · {formatCount(file.samples)} × {formatCount(file.width)}
      </p>
      {misfit ? (
        <Warning remedy="Choose another file for it.">
          The file has {formatCount(file.width)} values per sample, {misfit.name} takes{' '}
          {formatCount(inputWidth(misfit))}.
        </Warning>
      ) : file.samples < widest ? (
        <Warning remedy="Save more samples than that.">
          Fewer samples than the {formatCount(widest)} inputs of a row: what is fitted to them may not hold
          for others.
        </Warning>
      ) : null}
    </>
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
          onChange={(kind) => change({ distribution: newDistribution[kind] })}
        />
      </Field>
      {distribution.kind === 'normal' ? (
        <Bounded
          label="Mean"
          value={distribution.mean}
          onChange={(mean) => change({ distribution: { ...distribution, mean } })}
        />
      ) : null}
      {distribution.kind === 'normal' || distribution.kind === 'halfNormal' ? (
        <Bounded
          label="Deviation"
          min={1e-6}
          value={distribution.std}
          onChange={(std) => change({ distribution: { ...distribution, std } })}
        />
      ) : null}
      {distribution.kind === 'uniform' ? (
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
      ) : null}
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
