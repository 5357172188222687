import { useState } from 'react';
import {
  exportBlocked,
  exportWeights,
  useConfiguration,
  useExports,
  useJobs,
  useProject,
  useSituation,
} from '../../host/index.js';
import { Button, Card, Progress, ScrollArea, Select } from '../../ui/index.js';
import { ExportHistory } from './export-history.js';
import { LayerTable } from './layer-table.js';
import { ProofCard } from './proof-card.js';
import { currentSource, layerLines, likelySource, sourceOptions } from './sources.js';

function WritingProgress() {
  const job = useJobs((state) => state.running.find((candidate) => candidate.kind === 'export'));
  if (!job) return null;
  return (
    <div className="mt-3 flex items-center gap-3 text-sm text-ink2">
      <span className="truncate">{job.detail || job.title}</span>
      <Progress label={job.title} value={job.fraction} className="flex-1" />
    </div>
  );
}

/** Write packed weights, prove the file, and keep the proofs. */
export function ExportView() {
  const project = useProject((state) => state.project);
  const configuration = useConfiguration((state) => state.configuration);
  const situation = useSituation();
  const { writing, latest } = useExports();
  const [picked, setPicked] = useState<string | null>(null);
  if (!project) return null;

  const options = sourceOptions(project);
  const known = options.some((option) => option.value === picked);
  const source = known && picked ? picked : likelySource(project, configuration);
  const runId = source === currentSource ? null : source;
  const blocked = exportBlocked(situation, runId);
  return (
    <ScrollArea className="flex-1">
      <div className="@container mx-auto flex max-w-[1100px] flex-col gap-3 p-3.5">
        <Card
          title="Export"
          subtitle="packed, proven after writing"
          actions={
            <>
              <div className="w-64">
                <Select label="Source" value={source} options={options} onChange={setPicked} />
              </div>
              <Button
                variant="primary"
                blocked={blocked}
                busy={writing}
                tip="Write the file, read it again and compare every code"
                onClick={() => void exportWeights(runId)}
              >
                Export file…
              </Button>
            </>
          }
        >
          <LayerTable lines={layerLines(project, configuration, source)} />
          {blocked ? <p className="mt-2 text-sm text-warn">{blocked}.</p> : null}
          <WritingProgress />
        </Card>
        {latest ? <ProofCard record={latest} /> : null}
        <ExportHistory records={project.exports} />
      </div>
    </ScrollArea>
  );
}
