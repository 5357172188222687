import { describe, expect, it } from 'vitest';
import { sharedStart } from './shared-start.js';

describe('sharedStart', () => {
  it('is what most long names begin with, whole parts of them', () => {
    const blocks = [0, 1, 10].flatMap((block) =>
      ['q_proj', 'k_proj'].map((part) => `model.decoder.layers.${block}.self_attention.${part}.weight`),
    );
    expect(sharedStart(['lm_head.weight', ...blocks])).toBe('model.decoder.layers.');
  });

  it('is empty where names are short, differ from the start, or stand alone', () => {
    expect(sharedStart(['encoder.0.weight', 'encoder.1.weight'])).toBe('');
    expect(sharedStart(['features.a_long_name_of_a_layer.weight', 'head.another_long_name.weight'])).toBe('');
    expect(sharedStart(['model.decoder.layers.0.self_attention.weight'])).toBe('');
  });
});
