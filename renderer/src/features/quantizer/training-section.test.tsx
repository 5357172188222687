import { fireEvent, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultTrainingConfig } from '../../host/contract.js';
import { useTraining } from '../../host/index.js';
import { TooltipProvider } from '../../ui/index.js';
import { TrainingSection } from './training-section.js';

describe('TrainingSection', () => {
  beforeEach(async () => {
    useTraining.setState({ name: '', training: defaultTrainingConfig });
    render(
      <TooltipProvider>
        <TrainingSection />
      </TooltipProvider>,
    );
    await userEvent.click(screen.getByRole('button', { name: /^Training/ }));
  });
  const group = (name: RegExp) => screen.getByRole('button', { name });
  const training = () => useTraining.getState().training;
  const type = (label: string, value: string) => {
    const field = screen.getByLabelText(label, { exact: true });
    fireEvent.change(field, { target: { value } });
    fireEvent.keyDown(field, { key: 'Enter' });
    fireEvent.blur(field);
  };

  it('asks for the teacher’s settings only when there is a teacher', async () => {
    await userEvent.click(group(/^Loss/));
    expect(screen.queryByLabelText('Temperature')).toBeNull();
    await userEvent.click(screen.getByRole('combobox', { name: 'Loss' }));
    await userEvent.click(screen.getByRole('option', { name: /^distillation/ }));
    type('Temperature', '2');
    expect(training()).toMatchObject({ loss: 'distillation', temperature: 2 });
    await userEvent.click(group(/^Loss/));
    expect(group(/^Loss/).textContent).toContain('distillation T 2');
  });

  it('a closed group shows what is not as usual', async () => {
    expect(group(/^Quantization in training/).textContent).toContain('from the start');
    await userEvent.click(group(/^Quantization in training/));
    type('From epoch', '2');
    await userEvent.click(screen.getByRole('checkbox', { name: 'Freeze oscillating weights' }));
    type('Threshold at the end', '0.01');
    expect(training()).toMatchObject({
      quantizeFromEpoch: 2,
      freezeThreshold: 0.04,
      freezeThresholdEnd: 0.01,
    });
    await userEvent.click(group(/^Quantization in training/));
    expect(group(/^Quantization in training/).textContent).toContain('from epoch 2 · freezing');
  });

  it('says why settings do not go together', async () => {
    await userEvent.click(group(/^Quantization in training/));
    type('From epoch', '8');
    expect(screen.getByText(/before the last of 8 epochs/)).toBeTruthy();
    type('From epoch', '7.5');
    expect(screen.queryByText(/before the last of/)).toBeNull();
  });

  it('explains a setting beside it', async () => {
    await userEvent.click(group(/^Loss/));
    await userEvent.click(screen.getByRole('button', { name: 'About Training: Loss' }));
    expect(screen.getByText(/Hinton, Vinyals & Dean 2015/)).toBeTruthy();
  });
});
