// Writes the picture of the page that README shows, in light and in dark, to `docs/src/pictures`: `just picture`.

import { join } from 'node:path';

import { REPOSITORY, hears, launch, press, serve, visit } from './helpers.js';

const options = { viewport: { width: 1200, height: 748 }, locale: 'en-GB' };

async function picture(browser, address, colorScheme) {
  const page = await visit(browser, address, { ...options, colorScheme });
  await press(page, 'yes');
  await hears(page, /yes/);
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.waitForTimeout(500); // the bars have grown
  await page.screenshot({ path: join(REPOSITORY, `docs/src/pictures/page-${colorScheme}.png`), animations: 'disabled' });
}

const server = await serve();
const browser = await launch();
for (const colorScheme of ['light', 'dark']) await picture(browser, server.address, colorScheme);
await browser.close();
await server.stop();
