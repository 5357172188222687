import '../host/contract.js';
import '../ui/theme.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { PanelBoundary } from './panel-boundary.js';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <PanelBoundary name="window">
      <App />
    </PanelBoundary>
  </StrictMode>,
);
