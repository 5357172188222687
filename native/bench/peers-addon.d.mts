/** One prepared workload; `run` is what is timed and stands for `per` operations (1). */
export interface Job {
  run(): unknown;
  per?: number;
  before?(): void;
  dispose?(): void;
}

export interface Shape {
  M?: number;
  K?: number;
  N?: number;
  copies?: number;
  threads: number;
}

declare const column: {
  name: string;
  version: string;
  works: Record<string, Record<string, (shape: Shape) => Job | Promise<Job>>>;
};
export default column;
