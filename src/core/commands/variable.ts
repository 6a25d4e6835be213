/**
 * A component and its variable (2.x), as an element of a call names them, and as an answer may name them again.
 *
 * Pure. OCPP 2.x Part 2 §2: names are identifiers of up to 50 characters and compared without case.
 */
import { foldName, integerOf, membersOf, textOf, type Members } from './payload.ts';

const nameCharactersMax = 50;

const attributeTypes: ReadonlySet<string> = new Set(['Actual', 'Target', 'MinSet', 'MaxSet']);

/** What of an element names its variable: ready to be written into an answer. */
export interface VariableName {
  readonly component: {
    readonly name: string;
    readonly instance?: string;
    readonly evse?: { readonly id: number; readonly connectorId?: number };
  };
  readonly variable: { readonly name: string; readonly instance?: string };
  readonly attributeType?: string;
}

/** Reads it; null where the element does not name a variable as the schema wants it. Nothing else of the element is taken over. */
export function variableOf(element: unknown): VariableName | null {
  const members = membersOf(element);
  const component = membersOf(members['component']);
  const componentName = nameOf(component);
  const variableName = nameOf(membersOf(members['variable']));
  if (componentName === null || variableName === null) return null;
  const attributeType = textOf(members, 'attributeType');
  if (attributeType === null ? 'attributeType' in members : !attributeTypes.has(attributeType)) return null;
  const evse = evseOf(component);
  if (evse === 'invalid') return null;
  return {
    component: { ...componentName, ...(evse === null ? {} : { evse }) },
    variable: variableName,
    ...(attributeType === null ? {} : { attributeType }),
  };
}

function nameOf(members: Members): { readonly name: string; readonly instance?: string } | null {
  const name = textOf(members, 'name');
  if (name === null || name.length > nameCharactersMax) return null;
  if (!('instance' in members)) return { name };
  const instance = textOf(members, 'instance');
  return instance === null || instance.length > nameCharactersMax ? null : { name, instance };
}

function evseOf(component: Members): { id: number; connectorId?: number } | null | 'invalid' {
  if (!('evse' in component)) return null;
  const evse = membersOf(component['evse']);
  const id = integerOf(evse, 'id');
  if (id === null) return 'invalid';
  if (!('connectorId' in evse)) return { id };
  const connectorId = integerOf(evse, 'connectorId');
  return connectorId === null ? 'invalid' : { id, connectorId };
}

/** `Component.Variable`, as rules of ownership name it; instances and places do not count. */
export function keyOf({ component, variable }: VariableName): string {
  return `${component.name}.${variable.name}`;
}

/** One text for one attribute of one variable of one component, whatever the case of the names. */
export function addressOf({ component, variable, attributeType }: VariableName): string {
  const { evse } = component;
  return [
    foldName(component.name),
    foldName(component.instance ?? ''),
    evse === undefined ? '' : `${evse.id}.${evse.connectorId ?? ''}`,
    foldName(variable.name),
    foldName(variable.instance ?? ''),
    attributeType ?? 'Actual',
  ].join('/');
}
