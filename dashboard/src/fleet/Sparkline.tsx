import { memo } from "react";
import type { Spark } from "../telemetry";

const WIDTH = 96;
const HEIGHT = 28;

/** The power of the last minutes: above the middle line it charges. Gaps are gaps. */
export const Sparkline = memo(function Sparkline({ spark }: { spark: Spark | null | undefined }) {
  const values = spark?.power ?? [];
  const largest = Math.max(1, ...values.map((value) => Math.abs(value ?? 0)));
  const x = (i: number) => 2 + (i * (WIDTH - 4)) / Math.max(1, values.length - 1);
  const y = (value: number) => HEIGHT / 2 - (value / largest) * (HEIGHT / 2 - 3);
  let path = "";
  let broken = true;
  values.forEach((value, i) => {
    if (value !== null) path += `${broken ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    broken = value === null;
  });
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <path className="spark-zero" d={`M0 ${HEIGHT / 2}H${WIDTH}`} />
      <path className="spark-line" d={path} />
    </svg>
  );
});
