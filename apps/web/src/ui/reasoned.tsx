import { Button, Tooltip, type ButtonProps } from '@mantine/core';
import type { ReactNode } from 'react';

interface Props extends ButtonProps {
  /** Why it is not possible now; the button stays in its place and says so. */
  readonly reason?: string | undefined;
  /** Its name for those who do not see where it stands. */
  readonly label?: string;
  readonly type?: 'submit';
  readonly loading?: boolean;
  readonly onClick?: () => void;
  readonly children: ReactNode;
}

/** A button that keeps its place when it cannot be used, and says why to eyes and ears. */
export function ReasonedButton({ reason, label, onClick, children, ...rest }: Props) {
  const disabled = reason !== undefined;
  return (
    <Tooltip label={reason} disabled={!disabled} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      <Button
        {...rest}
        {...(label !== undefined && { 'aria-label': label })}
        {...(disabled && { 'data-disabled': true, 'aria-disabled': true, 'aria-description': reason })}
        onClick={(event) => (disabled ? event.preventDefault() : onClick?.())}
      >
        {children}
      </Button>
    </Tooltip>
  );
}
