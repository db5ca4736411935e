// @vitest-environment jsdom
import jsQR from 'jsqr';
import { describe, expect, it } from 'vitest';
import { show } from '../../testing/render';
import QrCode from './QrCode';

const SCALE = 4;

/** Draws the picture as a screen does, and reads it as a phone does. */
function scanned(text: string, digits?: string): string | undefined {
  const { container } = show(<QrCode text={text} digits={digits} label="A code" />);
  const [left, , side] = container.querySelector('svg')!.getAttribute('viewBox')!.split(' ').map(Number) as [number, number, number, number];
  const width = side * SCALE;
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y] of container.querySelector('path')!.getAttribute('d')!.matchAll(/M(\d+) (\d+)h/g)) {
    for (let dy = 0; dy < SCALE; dy++) for (let dx = 0; dx < SCALE; dx++) {
      const at = (((Number(y) - left) * SCALE + dy) * width + (Number(x) - left) * SCALE + dx) * 4;
      pixels.fill(0, at, at + 3);
    }
  }
  return jsQR(pixels, width, width)?.data;
}

describe('a code', () => {
  it('is read back by another program, as text and with digits', () => {
    const link = `https://a.example/shared#shlink:/${'eyJ1cmwi'.repeat(30)}`;
    expect(scanned(link)).toBe(link);
  });
  it('holds the longest health card that a node makes', () => {
    const digits = Array.from({ length: 1_100 }, (_, at) => String((at * 37) % 78).padStart(2, '0')).join('');
    expect(scanned('shc:/', digits)).toBe(`shc:/${digits}`);
  });
});
