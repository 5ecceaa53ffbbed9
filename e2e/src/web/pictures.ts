import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

const folder = join(import.meta.dirname, '../../../docs/pictures');

/** A picture for README and docs/tour.md. They are renewed where POLYVIRT_PICTURES is set; elsewhere the story alone is told. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const bytes = await page.screenshot({ animations: 'disabled', caret: 'hide' });
  if (!process.env['POLYVIRT_PICTURES']) return;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.png`), bytes);
}
