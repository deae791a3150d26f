// A busy machine is no fault of the page: what is waited for may take as long as a hang is allowed to.
import { configure } from "@testing-library/react";

configure({ asyncUtilTimeout: 15_000 });
