import { Icon } from "../components/Icon";
import { WINDOWS } from "./useChartView";

interface ChartToolbarProps {
  windowS: number;
  held: boolean;
  onWindow: (seconds: number) => void;
  onHold: () => void;
  onFollow: () => void;
}

/** How much time the curves show, and whether they move. */
export function ChartToolbar({ windowS, held, onWindow, onHold, onFollow }: ChartToolbarProps) {
  return (
    <div className="chart-tools">
      <div className="segments" role="group" aria-label="Time shown">
        {WINDOWS.map((seconds) => (
          <button
            key={seconds}
            type="button"
            aria-pressed={!held && windowS === seconds}
            data-testid={`window-${seconds / 60}`}
            onClick={() => onWindow(seconds)}
          >
            {seconds / 60}
            <span aria-hidden="true">m</span>
            <span className="visually-hidden"> minutes</span>
          </button>
        ))}
      </div>
      <button
        type="button"
        className={`button button-tool ${held ? "button-main" : ""}`}
        data-testid="chart-pause"
        onClick={held ? onFollow : onHold}
      >
        <Icon name={held ? "play" : "pause"} size={18} />
        {held ? "Live" : "Pause"}
      </button>
    </div>
  );
}
