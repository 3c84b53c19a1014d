// The dashboard as Grafana's own types see it; a test puts its JSON in. An excess or a misspelt field is an error.
import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';

type Placed = { gridPos: NonNullable<Panel['gridPos']> };

type Whole = Omit<Dashboard, 'panels' | 'templating'> & {
  panels: ((Panel & Placed) | (RowPanel & Placed))[];
  templating: { list: VariableModel[] };
};

export const dashboard: Whole = DASHBOARD;
