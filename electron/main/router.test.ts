import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QatError, type RouteName, routeNames } from '../contract/index.js';
import { createRouter, type Handlers, type RequestContext } from './router.js';

type AnyHandler = (input: never, context: RequestContext) => Promise<unknown>;

/** Handlers that fail unless a test gives one: nothing here may be reached by accident. */
function routerWith(own: Partial<Record<RouteName, AnyHandler>>) {
  const reached: string[] = [];
  const reports: string[] = [];
  const handlers = Object.fromEntries(
    routeNames.map((route) => [
      route,
      async (input: never, context: RequestContext) => {
        reached.push(route);
        const handler = own[route];
        if (!handler) throw new Error(`unexpected ${route}`);
        return handler(input, context);
      },
    ]),
  ) as unknown as Handlers;
  return { router: createRouter(handlers, (route) => reports.push(route)), reached, reports };
}

describe('router', () => {
  it('answers with the validated output', async () => {
    const { router } = routerWith({ 'project.current': async () => ({ project: null }) });
    expect(await router.handle({ id: '1', route: 'project.current', input: {} })).toEqual({
      ok: true,
      data: { project: null },
    });
  });

  it('refuses unknown routes, surplus fields and wrong types before any handler', async () => {
    const { router, reached } = routerWith({});
    const hostile: unknown[] = [
      null,
      'project.current',
      { id: '1', route: 'nope', input: {} },
      { id: '1', route: 'toString', input: {} },
      { id: '1', route: '__proto__', input: {} },
      { id: '', route: 'project.current', input: {} },
      { id: '1', route: 'project.current', input: { surplus: 1 } },
      { id: '1', route: 'run.pause', input: { runId: 7 } },
      { id: '1', route: 'run.pause', input: { runId: 'x'.repeat(65) } },
      { id: '1', route: 'layer.prepare', input: { layers: [] } },
      { id: '1', route: 'project.openModel', input: { path: '' } },
      { id: '1', route: 'project.current', input: {}, surplus: true },
    ];
    for (const envelope of hostile) {
      const answer = await router.handle(envelope);
      expect(answer.ok, JSON.stringify(envelope)).toBe(false);
      if (!answer.ok) expect(answer.error.code).toBe('E-REQUEST-INVALID');
    }
    expect(reached).toEqual([]);
  });

  it('never rejects, whatever comes in', async () => {
    const { router } = routerWith({});
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.constantFrom(...routeNames), async (input, route) => {
        const answer = await router.handle({ id: 'fuzz', route, input });
        return answer.ok === false;
      }),
      { numRuns: 2000 },
    );
  });

  it('turns thrown errors into values and reports them', async () => {
    const { router, reports } = routerWith({
      'app.ready': async () => {
        throw new QatError('E-DISK-FULL', 'The disk is full.', 'Free some space.');
      },
      'run.delete': async () => {
        throw 'a string';
      },
    });
    expect(await router.handle({ id: '1', route: 'app.ready', input: {} })).toEqual({
      ok: false,
      error: { code: 'E-DISK-FULL', message: 'The disk is full.', remedy: 'Free some space.' },
    });
    const odd = await router.handle({ id: '2', route: 'run.delete', input: { runId: 'run-1' } });
    expect(odd.ok === false && odd.error.code).toBe('E-INTERNAL');
    expect(reports).toEqual(['app.ready', 'run.delete']);
  });

  it('does not let a handler send what the schema does not allow', async () => {
    const { router } = routerWith({ 'project.current': async () => ({ project: { secret: 1 } }) });
    const answer = await router.handle({ id: '1', route: 'project.current', input: {} });
    expect(answer.ok).toBe(false);
  });

  it('cancels by id and answers E-CANCELLED', async () => {
    const { router, reports } = routerWith({
      'app.ready': (_input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
        }),
    });
    const pending = router.handle({ id: 'long', route: 'app.ready', input: {} });
    const twin = await router.handle({ id: 'long', route: 'app.ready', input: {} });
    expect(twin.ok).toBe(false);
    router.cancel('long');
    const answer = await pending;
    expect(answer.ok === false && answer.error.code).toBe('E-CANCELLED');
    expect(reports).toEqual([]);
  });
});
