import type { RoundingPart } from '../../host/contract.js';
import { roundingOf, roundingTable, transformTable } from '../../host/contract.js';
import { editSelection } from '../../host/index.js';
import { Checkbox, Field, PartNote, Select } from '../../ui/index.js';
import { commonValue } from './common-value.js';
import { PartParameters } from './range-parameters.js';
import type { ControlsProps } from './weight-controls.js';
import { roundingChoices } from './words.js';

/** How *Quantize* chooses codes, and the parameters that the rounding has. */
export function RoundingControls({ configs }: Pick<ControlsProps, 'configs'>) {
  const weights = configs.map(({ weight }) => weight);
  const rounding = commonValue(weights, roundingOf);
  const part: RoundingPart | null = rounding && roundingTable[rounding];
  const order = commonValue(weights, (weight) => (weight.actOrder === false ? 'file' : 'strength'));
  const corrected = commonValue(weights, (weight) => (weight.correctBias ? 'yes' : 'no'));
  return (
    <>
      <Field label="Rounding" hint={<PartNote control="Rounding" part={part} />}>
        <Select
          label="Rounding"
          value={rounding}
          options={roundingChoices}
          onChange={(value) =>
            editSelection({ weight: { rounding: value } }, `rounding ${roundingTable[value].label}`)
          }
        />
      </Field>
      <PartParameters
        of="Rounding"
        parameters={part?.parameters ?? []}
        quantizers={weights}
        onChange={(change) => editSelection({ weight: change }, 'the rounding’s parameter')}
      />
      {part?.needsInputs ? (
        <div className="col-span-2 flex items-center gap-2">
          <Checkbox
            label="Correct the bias"
            checked={corrected === null ? null : corrected === 'yes'}
            onChange={(on) => editSelection({ weight: { correctBias: on } }, 'bias correction')}
          />
          <PartNote part={transformTable.biasCorrection} />
        </div>
      ) : null}
      {part?.orders ? (
        <div className="col-span-2">
          <Checkbox
            label="Columns with strong inputs first"
            checked={order === null ? null : order === 'strength'}
            onChange={(on) => editSelection({ weight: { actOrder: on } }, 'the order of columns')}
          />
        </div>
      ) : null}
    </>
  );
}
