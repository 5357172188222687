/** The quantizer libraries that the user allowed, as the main process has them. */
import { create } from 'zustand';
import { request } from './client.js';
import type { LibraryState, RouteInput } from './contract.js';
import { notify } from './notices.js';

export const useLibraries = create<{ libraries: readonly LibraryState[]; busy: boolean }>(() => ({
  libraries: [],
  busy: false,
}));

type LibraryRoute = 'library.list' | 'library.add' | 'library.remove';

async function ask<R extends LibraryRoute>(route: R, input: RouteInput<R>, doing: string): Promise<void> {
  useLibraries.setState({ busy: true });
  try {
    const { libraries } = await request(route, input);
    useLibraries.setState({ libraries });
  } catch (thrown) {
    notify(thrown, doing);
  } finally {
    useLibraries.setState({ busy: false });
  }
}

export function loadLibraries(): Promise<void> {
  return ask('library.list', {}, 'reading the quantizer libraries');
}

/** The file and the permission are asked for in dialogs of the system. */
export function addLibrary(): Promise<void> {
  return ask('library.add', {}, 'adding a quantizer library');
}

export function removeLibrary(id: string): Promise<void> {
  return ask('library.remove', { id }, 'removing a quantizer library');
}
