/**
 * The process that `layer-results.test.ts` kills: quantizes one layer of the project it is given again and again, and
 * tells its parent of every result. Run with a TypeScript loader.
 */
import { defaultDrawn, defaultLayerConfig, legalWeight } from '../contract/index.js';
import { makeTestEngine } from './test-support.js';

const [folder = '', project = ''] = process.argv.slice(2);
const layer = 'fc2.weight';
const { engine } = await makeTestEngine(folder);
await engine.project.openFolder({ path: project });
for (let round = 0; ; round += 1) {
  const damping = 0.01 + (round % 50) / 100;
  const weight = legalWeight({ ...defaultLayerConfig.weight, bits: 3 }, { rounding: 'gptq', damping });
  await engine.project.configure({ changes: { [layer]: { ...defaultLayerConfig, weight } } });
  await engine.layers.quantize({ layers: [layer], calibration: { ...defaultDrawn, samples: 100 } });
  process.send?.({ damping, result: engine.project.open?.layerStates.resultOf(layer)?.id });
}
