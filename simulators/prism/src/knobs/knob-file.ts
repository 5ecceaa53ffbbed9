import { existsSync, readFileSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isObject } from '../json.ts';
import { type FaultRules } from './fault-rules.ts';
import { type KnobSettings, KnobError } from './knob-settings.ts';

/**
 * Follows a JSON file `{ "knobs": {…}, "faults": […] }`. The file is the whole truth: what it no longer says goes back to its default.
 * A file that cannot be understood changes nothing and is reported.
 */
export class KnobFile {
  private readonly watcher: FSWatcher;
  private last = '';

  constructor(
    private readonly path: string,
    private readonly knobs: KnobSettings,
    private readonly faults: FaultRules,
    private readonly report: (message: string) => void,
  ) {
    this.read();
    // Editors and atomic writers replace the file, so the folder is watched and not the file.
    this.watcher = watch(dirname(path), (_event, name) => {
      if (name === basename(path)) this.read();
    });
  }

  close(): void {
    this.watcher.close();
  }

  private read(): void {
    try {
      const content = existsSync(this.path) ? readFileSync(this.path, 'utf8') : '{}';
      // A writer may be half-way through; the end of its write comes as one more change.
      if (content === this.last || content === '') return;
      this.last = content;
      const parsed: unknown = JSON.parse(content);
      if (!isObject(parsed)) throw new KnobError('the file must hold an object');
      const unknown = Object.keys(parsed).filter((key) => key !== 'knobs' && key !== 'faults');
      if (unknown.length > 0) throw new KnobError(`unknown ${unknown.join(', ')}; expected knobs and faults`);
      const faults = parsed['faults'] ?? [];
      if (!Array.isArray(faults)) throw new KnobError('faults must be a list');
      this.knobs.replace(parsed['knobs'] ?? {});
      this.faults.replace(faults);
    } catch (error) {
      if (!(error instanceof KnobError || error instanceof SyntaxError)) throw error;
      this.report(`${this.path}: ${error.message}`);
    }
  }
}
