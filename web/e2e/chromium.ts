import { existsSync } from 'node:fs';

const usualPlaces = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser of the machine: nothing is downloaded for the tests. */
export function chromium(): { executablePath: string; args: string[] } {
  const wanted = process.env['CHROMIUM_PATH'];
  const executablePath = (wanted ? [wanted] : usualPlaces).find((path) => existsSync(path));
  if (!executablePath) {
    throw new Error(
      wanted
        ? `CHROMIUM_PATH names ${wanted}, where there is no file.`
        : 'Chromium was not found. Install it (`apt-get install chromium`) or set CHROMIUM_PATH.',
    );
  }
  return {
    executablePath,
    // Quiet on a closed network, and able to run as root in a container.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  };
}
