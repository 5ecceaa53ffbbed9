import { Button, FileInput, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { calls } from '../api/calls.ts';
import type { AddImageInput, Host } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { formatBytes } from '../i18n/format.ts';
import { lackOf } from '../machines/actions.ts';
import { useMe } from '../session/session.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, isAllAt } from '../ui/faults.ts';
import { PlannedForm, usePlanned } from '../ui/planned-form.tsx';
import { ReasonedButton } from '../ui/reasoned.tsx';
import { imageNameOf } from './image-name.ts';
import { uploads, type ImageUpload } from './uploads.ts';

const sources = ['url', 'file'] as const;
type Source = (typeof sources)[number];
const features = { url: 'fromUrl', file: 'fromUpload' } as const;
const shownFaults = ['/name', '/url', '/sha256'];

interface Props {
  /** Those that have images. */
  readonly hosts: readonly Host[];
  /** All of it has arrived already, and could not be made an image of as it was asked for. */
  readonly upload?: ImageUpload;
  onClose(): void;
}

/** An image that the host fetches, by a plan, or a file of this machine, which is uploaded first. */
export function AddImageDialog({ hosts, upload, onClose }: Props) {
  const { t } = useTranslation();
  const { user } = useMe();
  const [source, setSource] = useState<Source>('url');
  const [hostId, setHost] = useState<string | null>(upload?.host ?? (hosts.length === 1 ? hosts[0]!.id : null));
  const [given, setName] = useState(upload?.name);
  const [sha256, setSha256] = useState(upload?.sha256 ?? '');
  const [url, setUrl] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const isUpload = upload !== undefined || source === 'file';
  const name = given ?? imageNameOf(isUpload ? (file?.name ?? '') : url);
  const host = hosts.find(({ id }) => id === hostId);
  const lack = lackOf(host, 'images', features[isUpload ? 'file' : 'url']);
  const lacking = lack && (lack.reason ?? t('hosts.missing'));
  const known = useQuery({ ...queries.images(hostId ?? ''), enabled: hostId !== null });
  const taken = known.data?.some((image) => image.name === name.trim()) ? t('images.nameTaken') : undefined;

  const isNamed = host !== undefined && name.trim() !== '' && lacking === undefined;
  const checksum = sha256.trim() === '' ? {} : { sha256: sha256.trim() };
  const body: AddImageInput = {
    name: name.trim(),
    ...(upload?.id !== undefined ? { upload: upload.id } : { url: url.trim() }),
    ...checksum,
  };
  const planned = usePlanned(calls.addImage(hostId ?? '', body), {
    isReady: isNamed && (upload !== undefined || url.trim() !== ''),
    onDone: () => {
      if (upload) uploads.forget(upload.key);
      onClose();
    },
  });
  const fault = faultsOf(planned.refusal);
  const begin = () => {
    if (!isNamed || !file || taken !== undefined) return;
    uploads.begin(file, { host: host.id, name: name.trim(), ...checksum }, user.id);
    onClose();
  };

  const fields = (
    <>
      <Select
        label={t('create.host')}
        searchable
        allowDeselect={false}
        data={hosts.map(({ id }) => id)}
        value={hostId}
        error={lacking}
        onChange={setHost}
      />
      {source === 'url' && !upload && (
        <TextInput
          label={t('images.url')}
          description={t('images.urlHint')}
          type="url"
          value={url}
          error={fault('/url')}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
          data-autofocus
        />
      )}
      {source === 'file' && !upload && (
        <FileInput
          label={t('images.file')}
          placeholder={t('images.choose')}
          description={file ? formatBytes(file.size) : t('images.fileHint')}
          value={file}
          onChange={setFile}
        />
      )}
      {upload && (
        <Text size="sm">
          {upload.file.name} · {formatBytes(upload.file.bytes)}
        </Text>
      )}
      <TextInput
        label={t('column.name')}
        description={t('images.nameHint')}
        maxLength={80}
        value={name}
        error={fault('/name') ?? (isUpload ? taken : undefined)}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <TextInput
        label={t('images.sha256')}
        description={t('images.sha256Hint')}
        autoComplete="off"
        spellCheck={false}
        value={sha256}
        error={fault('/sha256') ?? sha256Fault(sha256, t('images.sha256Fault'))}
        onChange={({ currentTarget }) => setSha256(currentTarget.value)}
      />
    </>
  );
  return (
    <Dialog title={t('images.add')} onClose={onClose}>
      <Stack>
        {!upload && (
          <SegmentedControl
            aria-label={t('create.from')}
            data={sources.map((value) => ({ value, label: t(`images.from_${value}`) }))}
            value={source}
            onChange={(value) => setSource(value as Source)}
          />
        )}
        {isUpload && !upload ? (
          <UploadForm
            reason={!isNamed || !file ? t('plan.unready') : (taken ?? sha256Fault(sha256, t('images.sha256Fault')))}
            onSubmit={begin}
            onCancel={onClose}
          >
            {fields}
          </UploadForm>
        ) : (
          <PlannedForm
            planned={planned}
            verb={t('images.add')}
            isPlaced={isAllAt(planned.refusal, shownFaults)}
            onCancel={onClose}
          >
            {fields}
          </PlannedForm>
        )}
      </Stack>
    </Dialog>
  );
}

/** Before an hour of uploading rather than after it. */
const sha256Fault = (text: string, fault: string): string | undefined =>
  text.trim() === '' || /^[0-9a-f]{64}$/i.test(text.trim()) ? undefined : fault;

interface UploadFormProps {
  readonly reason: string | undefined;
  readonly children: ReactNode;
  onSubmit(): void;
  onCancel(): void;
}

function UploadForm({ reason, children, onSubmit, onCancel }: UploadFormProps) {
  const { t } = useTranslation();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === undefined) onSubmit();
      }}
    >
      <Stack>
        {children}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t('common.cancel')}
          </Button>
          <ReasonedButton type="submit" reason={reason}>
            {t('images.upload')}
          </ReasonedButton>
        </Group>
      </Stack>
    </form>
  );
}
