import { useCallback, useState, type FormEvent } from "react";
import { addRule, fetchRules, removeRule, type NewRule, type Rule } from "../../api/alarms";
import { Notice } from "../../components/Notice";
import { duration } from "../../format";
import { isFullAdmin } from "../../roles";
import { useUser } from "../../session";
import type { AlarmKind, Severity } from "../../telemetry";
import { SeverityMark } from "../shared/Severity";
import { ShortText } from "../shared/UserText";
import { useConfirmed } from "../shared/useConfirmed";
import { useAction, useRemote } from "../shared/useRemote";
import { FIELDS, titleOf, unitOf } from "./measured";

/** When an alarm is raised: read by all, changed by admins. */
export function Rules() {
  const user = useUser();
  const load = useCallback((signal: AbortSignal) => fetchRules(signal), []);
  const { data, failure, reload } = useRemote(load);
  const removing = useConfirmed(
    async ({ id }: Rule) => {
      await removeRule(id);
      reload();
    },
    (rule) => ({
      title: "Remove this rule?",
      action: "Remove",
      children: (
        <p>
          <ShortText>{rule.name}</ShortText>: {ruleWords(rule)}. What it has raised is over.
        </p>
      ),
    }),
  );
  const editable = isFullAdmin(user);
  return (
    <>
      {failure !== null && <Notice tone="bad" title={failure} />}
      <section className="card panel" aria-label="Rules">
        <h2 className="panel-title">Rules</h2>
        {data !== null && data.length === 0 && <p className="nothing">No rule: no alarm will be raised.</p>}
        {data !== null && data.length > 0 && (
          <table className="table">
            <thead>
              <tr>
                <th>Name</th>
                <th>Raised when</th>
                <th>Devices</th>
                <th>Severity</th>
                {editable && (
                  <th>
                    <span className="visually-hidden">Remove</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {data.map((rule) => (
                <tr key={rule.id} data-testid="rule">
                  <td className="cell-main">
                    <strong>
                      <ShortText>{rule.name}</ShortText>
                    </strong>
                  </td>
                  <td data-label="When">{ruleWords(rule)}</td>
                  <td data-label="Devices">
                    <bdi>{rule.deviceId ?? "all"}</bdi>
                  </td>
                  <td data-label="Severity">
                    <SeverityMark severity={rule.severity} />
                  </td>
                  {editable && (
                    <td>
                      <div className="row-buttons">
                        <button type="button" className="button" onClick={() => removing.ask(rule)}>
                          Remove<span className="visually-hidden"> the rule {rule.name.slice(0, 80)}</span>
                        </button>
                      </div>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {editable && <NewRuleForm onAdded={reload} />}
      {removing.dialog}
    </>
  );
}

const KIND_WORDS: Readonly<Record<AlarmKind, string>> = {
  below: "a value is below a threshold",
  above: "a value is above a threshold",
  offline: "the device is offline",
  no_data: "no data comes",
  fault: "the device reports a fault",
};

/** A rule in words: "State of charge below 20 % for 5 min, over at 22 %". */
export function ruleWords({ kind, field, threshold, hysteresis, forS }: Rule): string {
  const lasting = forS > 0 ? ` for ${duration(forS)}` : "";
  if (kind === null) return "by a rule this page does not know";
  if (kind !== "below" && kind !== "above") return `${KIND_WORDS[kind]}${lasting}`;
  const limit = threshold ?? 0;
  const unit = unitOf(field ?? "");
  const end = hysteresis > 0 ? `, over at ${rounded(kind === "below" ? limit + hysteresis : limit - hysteresis)}${unit}` : "";
  return `${titleOf(field ?? "?")} ${kind} ${rounded(limit)}${unit}${lasting}${end}`;
}

/** Without the last digits that binary fractions bring. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(10)));
}

const USUAL_FIELD = "battery.soc";

function NewRuleForm({ onAdded }: { onAdded: () => void }) {
  const [kind, setKind] = useState<AlarmKind>("below");
  const [field, setField] = useState(USUAL_FIELD);
  const adding = useAction(async (rule: NewRule, form: HTMLFormElement) => {
    await addRule(rule);
    form.reset();
    setKind("below");
    setField(USUAL_FIELD);
    onAdded();
  });
  const compares = kind === "below" || kind === "above";
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    void adding.run(toRule(new FormData(event.currentTarget), kind), event.currentTarget);
  };
  return (
    <form className="card panel" onSubmit={submit} aria-label="New rule" data-testid="new-rule">
      <h2 className="panel-title">New rule</h2>
      <div className="form-row">
        <label className="labelled labelled-grow">
          <span className="labelled-title">Name</span>
          <input className="input" name="name" required maxLength={200} placeholder="Battery low" />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Alarm when</span>
          <select className="input" name="kind" value={kind} onChange={(event) => setKind(event.target.value as AlarmKind)}>
            {Object.entries(KIND_WORDS).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label className="labelled">
          <span className="labelled-title">Severity</span>
          <select className="input" name="severity" defaultValue="warning">
            <option>info</option>
            <option>warning</option>
            <option>error</option>
          </select>
        </label>
      </div>
      <div className="form-row">
        {compares && (
          <>
            <label className="labelled labelled-grow">
              <span className="labelled-title">Value</span>
              <input className="input" name="field" list="rule-fields" required value={field} onChange={(event) => setField(event.target.value)} autoCapitalize="none" spellCheck={false} />
              <datalist id="rule-fields">
                {FIELDS.map((known) => (
                  <option key={known} value={known}>
                    {titleOf(known)}
                  </option>
                ))}
              </datalist>
            </label>
            <label className="labelled">
              <span className="labelled-title">Threshold{unitOf(field)}</span>
              <input className="input" name="threshold" type="number" step="any" required />
            </label>
            <label className="labelled">
              <span className="labelled-title">Over when better by{unitOf(field)}</span>
              <input className="input" name="hysteresis" type="number" step="any" min="0" placeholder="0" />
            </label>
          </>
        )}
        <label className="labelled">
          <span className="labelled-title">Lasting, s</span>
          <input className="input" name="for_s" type="number" step="any" min="0" max="31536000" placeholder="0" />
        </label>
        <label className="labelled labelled-grow">
          <span className="labelled-title">Device (empty: all)</span>
          <input className="input" name="device_id" pattern="[a-z0-9][a-z0-9_\-]{0,62}" title="a-z, 0-9, _ and -" autoCapitalize="none" spellCheck={false} />
        </label>
        <button type="submit" className="button button-main" aria-disabled={adding.busy}>
          Add the rule
        </button>
      </div>
      <p className="form-failure" role="alert">
        {adding.failure}
      </p>
    </form>
  );
}

function toRule(form: FormData, kind: AlarmKind): NewRule {
  const value = (name: string) => String(form.get(name) ?? "").trim();
  const amount = (name: string) => (value(name) === "" ? undefined : Number(value(name)));
  const [threshold, hysteresis, forS] = [amount("threshold"), amount("hysteresis"), amount("for_s")];
  return {
    name: value("name"),
    kind,
    severity: value("severity") as Severity,
    ...(value("device_id") !== "" && { device_id: value("device_id") }),
    ...(value("field") !== "" && { field: value("field") }),
    ...(threshold !== undefined && { threshold }),
    ...(hysteresis !== undefined && { hysteresis }),
    ...(forS !== undefined && { for_s: forS }),
  };
}
