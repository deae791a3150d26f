import { Link } from "../../router";

interface TabsProps {
  label: string;
  tabs: readonly (readonly [path: string, title: string])[];
  current: string;
}

/** Links between the views of one area; the present one is marked. */
export function Tabs({ label, tabs, current }: TabsProps) {
  return (
    <nav className="tabs area-tabs" aria-label={label}>
      {tabs.map(([path, title]) => (
        <Link key={path} href={path} aria-current={path === current ? "page" : undefined}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
