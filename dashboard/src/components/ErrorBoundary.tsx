import { Component, type ReactNode } from "react";
import { Notice } from "./Notice";

/** Keeps a page that cannot be shown from taking the navigation with it. Give it the address as `key`. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    // Mostly a page whose code is gone from the server since a newer version was installed.
    return (
      <Notice tone="bad" title="This page cannot be shown. The server may have a newer version of it.">
        <button type="button" className="button" onClick={() => location.reload()}>
          Reload
        </button>
      </Notice>
    );
  }
}
