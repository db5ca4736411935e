import { generate, mode } from 'lean-qr';
import css from './QrCode.module.css';

/** Light modules around the code that readers need. */
const QUIET = 4;

/** `digits`: written as numbers after the text, which takes less room. */
export default function QrCode({ text, digits, label }: { text: string; digits?: string; label: string }) {
  const code = digits === undefined ? generate(text) : generate(mode.multi(mode.iso8859_1(text), mode.numeric(digits)));
  let path = '';
  for (let y = 0; y < code.size; y++) for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x} ${y}h1v1h-1z`;
  const side = code.size + 2 * QUIET;
  return (
    <svg className={css.code} role="img" aria-label={label} viewBox={`${-QUIET} ${-QUIET} ${side} ${side}`} shapeRendering="crispEdges">
      <rect x={-QUIET} y={-QUIET} width={side} height={side} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
