import { describe, expect, it } from 'vitest';
import { request } from './client.js';
import { HostError } from './host-error.js';
import { installBridge, Refusal } from './testing/recorded-bridge.js';
import { sampleProject } from './testing/sample-state.js';

describe('request', () => {
  it('unwraps the answer', async () => {
    const project = sampleProject();
    installBridge({ 'project.openSample': () => project });
    expect(await request('project.openSample', {})).toEqual(project);
  });

  it('throws a refusal with its code, message and remedy', async () => {
    installBridge({
      'project.openSample': () => {
        throw new Refusal({ code: 'E-DISK-FULL', message: 'No space on /data.', remedy: 'Free some.' });
      },
    });
    const thrown = await request('project.openSample', {}).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(HostError);
    expect(thrown).toMatchObject({
      code: 'E-DISK-FULL',
      message: 'No space on /data.',
      remedy: 'Free some.',
    });
  });

  it('turns a failure of the bridge itself into a HostError', async () => {
    installBridge({});
    await expect(request('project.openSample', {})).rejects.toMatchObject({ code: 'E-INTERNAL' });
  });

  it('says so when there is no bridge', async () => {
    delete window.qat;
    await expect(request('project.openSample', {})).rejects.toMatchObject({
      code: 'E-INTERNAL',
      message: expect.stringContaining('preload'),
    });
  });

  it('cancels the call of an aborted signal and answers E-CANCELLED', async () => {
    let finish: () => void = () => undefined;
    const bridge = installBridge({
      'project.openSample': async () => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return sampleProject();
      },
    });
    const controller = new AbortController();
    const pending = request('project.openSample', {}, { signal: controller.signal });
    await Promise.resolve();
    controller.abort();
    expect(bridge.cancelled).toEqual([bridge.calls[0]?.id]);
    finish();
    await expect(pending).rejects.toMatchObject({ code: 'E-CANCELLED' });
  });

  it('does not start a call whose signal is aborted already', async () => {
    const bridge = installBridge({ 'project.openSample': () => sampleProject() });
    const controller = new AbortController();
    controller.abort();
    await expect(request('project.openSample', {}, { signal: controller.signal })).rejects.toMatchObject({
      code: 'E-CANCELLED',
    });
    expect(bridge.calls).toEqual([]);
  });
});
