import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { NumberField } from './number-field.js';

const onChange = vi.fn();
beforeEach(() => onChange.mockClear());

function Held({ integer = true }: { integer?: boolean }) {
  const [value, setValue] = useState(20);
  const change = (next: number) => {
    onChange(next);
    setValue(next);
  };
  return (
    <NumberField label="Epochs" value={value} min={1} max={10_000} integer={integer} onChange={change} />
  );
}

async function typed(text: string) {
  render(<Held />);
  const field = screen.getByRole<HTMLInputElement>('spinbutton', { name: 'Epochs' });
  await userEvent.clear(field);
  await userEvent.type(field, text);
  return field;
}

describe('a number that is not taken', () => {
  it.each(['0', '10001', '2.5', 'ten'])(
    '%s: the range stands under the field while it is typed',
    async (text) => {
      const field = await typed(text);
      const message = screen.getByRole('alert');
      expect(message.textContent).toMatch(/^1 to 10.000, whole$/);
      expect(field.getAttribute('aria-invalid')).toBe('true');
      expect(field.getAttribute('aria-describedby')).toBe(message.id);
      // Enter takes nothing, and leaves what was typed to be mended.
      await userEvent.keyboard('{Enter}');
      expect(field.value).toBe(text);
      expect(onChange).not.toHaveBeenCalled();
    },
  );

  it('left, the field shows the value in use and says what was not taken, until it is mended', async () => {
    const field = await typed('20000');
    await userEvent.tab();
    expect(field.value).toBe('20');
    expect(screen.getByRole('alert').textContent).toMatch(/^Not 20000: 1 to 10.000, whole$/);
    await userEvent.clear(field);
    await userEvent.type(field, '30{Enter}');
    expect(screen.queryByRole('alert')).toBeNull();
    expect(onChange.mock.calls).toEqual([[30]]);
  });

  it('Escape takes it back', async () => {
    const field = await typed('0{Escape}');
    expect(field.value).toBe('20');
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
