import { useEffect, useRef } from "react";
import { Link } from "../../router";

interface TabsProps {
  label: string;
  tabs: readonly (readonly [path: string, title: string])[];
  current: string;
}

/** Links between the views of one area; the present one is marked. */
export function Tabs({ label, tabs, current }: TabsProps) {
  const place = tabs.findIndex(([path]) => path === current);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the row is longer than the screen. Nothing is laid out in a test, and so scrolled.
    nav.current?.children[place]?.scrollIntoView?.({ block: "nearest", inline: "center" });
  }, [place]);
  return (
    <nav ref={nav} className="tabs area-tabs" aria-label={label}>
      {tabs.map(([path, title]) => (
        <Link key={path} href={path} aria-current={path === current ? "page" : undefined}>
          {title}
        </Link>
      ))}
    </nav>
  );
}
