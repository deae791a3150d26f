/** What came of it: the cookies are good again, the session is over, or nobody knows as the server is out of reach. */
export type Outcome = "renewed" | "over" | "unreachable";

/** Makes the session's cookies good again, once until it is known that they are not what is wrong. */
export class Renewal {
  private running = false;
  /** The cookies were renewed since the last greeting. */
  private done = false;

  constructor(private readonly renew: (() => Promise<boolean>) | undefined) {}

  /** A renewal may be what is needed. */
  get mayHelp(): boolean {
    return !this.done && this.renew !== undefined;
  }

  /** The server has greeted: they are good. */
  greeted(): void {
    this.done = false;
  }

  /** Renews them; `null` if that is under way, or would be in vain. */
  async attempt(): Promise<Outcome | null> {
    if (this.running || !this.mayHelp || this.renew === undefined) return null;
    this.running = true;
    try {
      this.done = await this.renew();
      return this.done ? "renewed" : "over";
    } catch {
      return "unreachable";
    } finally {
      this.running = false;
    }
  }
}
