import { Link } from "../../router";

/** Links between the views of one area; the present one is marked. */
export function Tabs({ label, tabs, current }: { label: string; tabs: readonly (readonly [path: string, title: string])[]; current: string }) {
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(([path, title]) => (
        <Link key={path} href={path} className="tab" aria-current={path === current ? "page" : undefined}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
