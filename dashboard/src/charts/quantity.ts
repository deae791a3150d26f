import { axisRange } from "./columns";

/** Something that is measured and drawn. */
export interface Quantity {
  key: string;
  title: string;
  unit: string;
  digits: number;
  /** The axis never spans less than this, in the unit. */
  floor: number;
  /** The axis never leaves these. */
  limits?: readonly [number, number];
  /** The sign matters: it is written, and the axis shows zero. */
  signed?: boolean;
}

/** The range of the axis of values from `min` to `max`, as uPlot tells them; never narrower than `floor`. */
export function valueRange(quantity: Quantity, min: number | null, max: number | null, floor = quantity.floor): [number, number] {
  const { limits, signed } = quantity;
  // Without any value uPlot passes null.
  if (min === null || max === null) return [0, floor];
  // What fills half of all that can be is shown beside all that can be: an interval that ends at the edges says nothing.
  if (limits !== undefined && max - min > (limits[1] - limits[0]) / 2) return [...limits];
  return axisRange(signed === true ? { min: Math.min(min, 0), max: Math.max(max, 0) } : { min, max }, floor, limits);
}
