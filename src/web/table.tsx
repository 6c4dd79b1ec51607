import './table.css';
import type { ReactNode } from 'react';

interface TableProps {
  /** For those who do not see it; it stands in a card with a title. */
  readonly caption: string;
  /** Says how wide the columns are: table.css. */
  readonly of: 'may' | 'calls' | 'outcomes';
  readonly columns: readonly string[];
  /** How many of the last columns hold numbers. */
  readonly numbers?: number;
  readonly children: ReactNode;
}

/** Where there is no room, each row is a block with a label for each value. */
export function Table({ caption, of, columns, numbers = 0, children }: TableProps): ReactNode {
  return (
    <table className={`table ${of}`}>
      <caption className="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map((name, i) => (
            <th key={name} scope="col" className={i >= columns.length - numbers ? 'number' : ''}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

interface CellProps {
  readonly label: string;
  readonly isNumber?: boolean;
  readonly children: ReactNode;
}

export function Cell({ label, isNumber = false, children }: CellProps): ReactNode {
  return (
    <td data-label={label} className={isNumber ? 'number' : ''}>
      <div>{children}</div>
    </td>
  );
}
