import { Fragment } from 'react';
import { Group, Panel, Separator } from 'react-resizable-panels';
import { CompareView } from '../features/compare/index.js';
import { DistributionView } from '../features/distribution/index.js';
import { ErrorView } from '../features/error/index.js';
import { ExportView } from '../features/export/index.js';
import { LayerPanel } from '../features/model/index.js';
import { QuantizerPanel } from '../features/quantizer/index.js';
import { TrainingView } from '../features/training/index.js';
import type { ViewName } from '../host/contract.js';
import { showTab, useSelection } from '../host/index.js';
import { Tabs } from '../ui/index.js';
import { saveLayout, useLayout } from './layout-store.js';
import { PanelBoundary } from './panel-boundary.js';
import { RecoveredBar } from './recovered-bar.js';
import { TopBar } from './top-bar.js';

const views: readonly { value: ViewName; label: string; View: () => React.ReactNode }[] = [
  { value: 'distribution', label: 'Distribution', View: DistributionView },
  { value: 'error', label: 'Error', View: ErrorView },
  { value: 'training', label: 'Training', View: TrainingView },
  { value: 'compare', label: 'Compare', View: CompareView },
  { value: 'export', label: 'Export', View: ExportView },
];

const separator =
  'relative w-px shrink-0 bg-line outline-none before:absolute before:inset-y-0 before:-left-1 before:w-2 before:content-[""] data-[separator=hover]:bg-accent data-[separator=active]:bg-accent focus-visible:bg-accent focus-visible:shadow-[0_0_0_1.5px_var(--accent)]';

/** The window with an open project: layers, views, quantizer, and the bar above. */
export function Workbench() {
  const tab = useSelection((state) => state.tab);
  const { columns, generation } = useLayout();
  return (
    <div className="flex h-full flex-col">
      <TopBar />
      <RecoveredBar />
      <Group
        key={generation}
        id="workbench"
        orientation="horizontal"
        className="min-h-0 flex-1"
        {...(columns ? { defaultLayout: columns } : {})}
        onLayoutChanged={(layout, meta) => {
          if (meta.isUserInteraction) saveLayout(layout);
        }}
      >
        <Panel
          id="layers"
          defaultSize={264}
          minSize={200}
          maxSize={520}
          groupResizeBehavior="preserve-pixel-size"
        >
          <aside aria-label="Layers" data-panel="layers" className="flex h-full flex-col bg-bg1">
            <PanelBoundary name="layers">
              <LayerPanel />
            </PanelBoundary>
          </aside>
        </Panel>
        <Separator className={separator} title="Resize the layer list" />
        <Panel id="views" minSize={420}>
          <main data-panel="views" className="flex h-full min-w-0">
            <Tabs
              label="Views"
              value={tab}
              onChange={showTab}
              items={views.map(({ value, label, View }) => ({
                value,
                label,
                content: (
                  <Fragment key={value}>
                    <h2 className="sr-only">{label}</h2>
                    <PanelBoundary name={label}>
                      <View />
                    </PanelBoundary>
                  </Fragment>
                ),
              }))}
            />
          </main>
        </Panel>
        <Separator className={separator} title="Resize the quantizer panel" />
        <Panel
          id="quantizer"
          defaultSize={304}
          minSize={280}
          maxSize={520}
          groupResizeBehavior="preserve-pixel-size"
        >
          <aside aria-label="Quantizer" data-panel="quantizer" className="h-full bg-bg1">
            <PanelBoundary name="quantizer">
              <QuantizerPanel />
            </PanelBoundary>
          </aside>
        </Panel>
      </Group>
    </div>
  );
}
