/**
 * Loaded before Busbar's own main (`--import`), in a process that a test is to have killed at a named point: the composition root gets ports with a
 * trap in them, and the modules may be broken in one place on their way in. The sources know nothing of it.
 */
import { registerHooks } from 'node:module';
import { breakText } from '../sim/sabotage.ts';
import { trapVariable, type Trap } from './kill-points.ts';

const trapped = new URL('./trapped-ports.ts', import.meta.url).href;
const ports = [
  'adapters/sqlite/journal-store',
  'adapters/websocket/dialer',
  'adapters/websocket/listener',
  'runtime/journal-writer',
];
const { broken } = JSON.parse(process.env[trapVariable] ?? '{}') as Partial<Trap>;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const isPort = ports.some((port) => found.url.endsWith(`/src/${port}.ts`));
    return isPort && context.parentURL?.endsWith('/src/app/busbar.ts') === true
      ? { ...found, url: trapped }
      : found;
  },
  load(url, context, next) {
    const loaded = next(url, context);
    if (broken === undefined || !url.endsWith(`/src/${broken.file}`)) return loaded;
    const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    return { ...loaded, source: breakText(broken, text) };
  },
});
