import { PasswordInput, type PasswordInputProps } from '@mantine/core';
import { useTranslation } from 'react-i18next';

type Props = Omit<PasswordInputProps, 'aria-invalid' | 'visibilityToggleButtonProps'>;

/** A field for a password that says to ears, too, what its button does and whether what it holds was refused. */
export function PasswordField(props: Props) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      {...props}
      aria-invalid={props.error ? true : undefined}
      visibilityToggleButtonProps={{ 'aria-label': t('logIn.showPassword') }}
    />
  );
}
