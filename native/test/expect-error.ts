/** Asserts that a call fails with a typed error of the addon. */
import { expect } from 'vitest';

export interface TypedError extends Error {
  code: string;
  remedy: string;
}

export function errorOf(call: () => unknown): TypedError {
  try {
    call();
  } catch (thrown) {
    return typed(thrown);
  }
  throw new Error('the call did not fail');
}

export async function rejectionOf(promise: Promise<unknown>): Promise<TypedError> {
  const outcome = await promise.then(
    () => undefined,
    (thrown: unknown) => ({ thrown }),
  );
  if (!outcome) throw new Error('the promise did not reject');
  return typed(outcome.thrown);
}

function typed(thrown: unknown): TypedError {
  expect(thrown).toBeInstanceOf(Error);
  const error = thrown as TypedError;
  expect(error.message).not.toBe('');
  expect(error.code, error.message).toMatch(/^E-[A-Z-]+$/);
  expect(typeof error.remedy, error.message).toBe('string');
  expect(error.remedy).not.toBe('');
  return error;
}

/** Every call is refused with E-NATIVE-ARGUMENT; the name says which one was not. */
export function expectArgumentErrors(calls: Record<string, () => unknown>): void {
  for (const [name, call] of Object.entries(calls)) {
    const error = errorOf(call);
    expect(error.code, `${name}: ${error.message}`).toBe('E-NATIVE-ARGUMENT');
  }
}
