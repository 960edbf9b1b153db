/**
 * From the description of a chart to a picture: SVG by Vega without a browser, PNG of that by resvg.
 *
 * The font comes along as a package, so a chart looks the same on a machine without any. Both libraries are loaded when
 * the first chart is drawn: a run must not wait for them.
 */
import { createRequire } from 'node:module';
import type { TopLevelSpec } from 'vega-lite';
import { FONT } from './charts.ts';

const FONT_FILES = ['400Regular/IBMPlexSans_400Regular.ttf', '600SemiBold/IBMPlexSans_600SemiBold.ttf'];
/** Pixels of the PNG for one of the SVG. */
const SCALE = 2;

export async function drawSvg(spec: TopLevelSpec): Promise<string> {
  const [vega, lite] = await Promise.all([import('vega'), import('vega-lite')]);
  const view = new vega.View(vega.parse(lite.compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

export async function drawPng(svg: string): Promise<Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js');
  const resolve = createRequire(import.meta.url).resolve;
  const fontFiles = FONT_FILES.map((file) => resolve(`@expo-google-fonts/ibm-plex-sans/${file}`));
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: FONT };
  return new Resvg(svg, { font, fitTo: { mode: 'zoom', value: SCALE } }).render().asPng();
}
