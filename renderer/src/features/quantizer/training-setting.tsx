import { type TrainingConfig, type TrainingNote, trainingNotes } from '../../host/contract.js';
import { setTraining, useTraining } from '../../host/index.js';
import { Field, NumberField, PartNote } from '../../ui/index.js';

/** What a setting does, where it is from, and when to take it. */
export function SettingNote({ of: note }: { of: TrainingNote }) {
  return <PartNote control="Training" part={trainingNotes[note]} />;
}

type NumberOf = {
  [K in keyof TrainingConfig]: TrainingConfig[K] extends number ? K : never;
}[keyof TrainingConfig];

interface SettingProps {
  of: NumberOf;
  label: string;
  min: number;
  max: number;
  integer?: boolean;
  step?: number | 'scale';
  note?: TrainingNote;
}

/** One number of the settings. */
export function Setting({ of: name, label, note, ...limits }: SettingProps) {
  const value = useTraining((state) => state.training[name]);
  return (
    <Field label={label} hint={note ? <SettingNote of={note} /> : undefined}>
      <NumberField
        label={label}
        value={value}
        {...limits}
        onChange={(next) => setTraining({ [name]: next })}
      />
    </Field>
  );
}
