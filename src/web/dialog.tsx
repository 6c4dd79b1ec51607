import { CloseButton, Modal } from '@mantine/core';
import type { ReactNode } from 'react';

interface DialogProps {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** Before the page, with the focus kept in it; Escape closes it. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps): ReactNode {
  return (
    // The lock of the page's scroll would be an inline style element.
    <Modal.Root opened={isOpen} onClose={onClose} lockScroll={false}>
      <Modal.Overlay />
      <Modal.Content aria-label={title}>
        <div className="dialog">
          <div className="head">
            <h2>{title}</h2>
            <CloseButton aria-label="Close" onClick={onClose} />
          </div>
          {children}
        </div>
      </Modal.Content>
    </Modal.Root>
  );
}
