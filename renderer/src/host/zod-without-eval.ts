/**
 * zod probes `new Function` to compile its parsers; the page's CSP forbids that and would report a
 * violation. Evaluated before any schema is built (see contract.ts).
 */
import { z } from 'zod';

z.config({ jitless: true });
