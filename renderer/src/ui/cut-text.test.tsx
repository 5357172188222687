import { render, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { CutText, cutIndex } from './cut-text.js';

const ending = (text: string) => text.slice(cutIndex(text));

describe('CutText', () => {
  it('keeps the last parts of a name whole, and all of a short one', () => {
    expect(ending('model.layers.10.self_attention.q_proj.weight')).toBe('.q_proj.weight');
    expect(ending('fc1.weight')).toBe('fc1.weight');
    expect(ending('a_very_long_name_without_any_part')).toHaveLength(16);
  });

  it('says the whole name in its text and its tooltip', () => {
    const name = 'model.layers.10.self_attention.q_proj.weight';
    render(<CutText text={name} />);
    expect(screen.getByTitle(name).textContent).toBe(name);
  });
});
